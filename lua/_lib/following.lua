-- `following(id)`: the next stream id; of the largest possible id, that id itself. Exact beyond 2^53, where adding one to a Lua
-- number changes nothing.
local MOST = '18446744073709551615'
local DIGITS = 9

local function plus_one(digits)
  local head = string.sub(digits, 1, -DIGITS - 1)
  local tail = string.format('%.0f', string.sub(digits, -DIGITS) + 1)
  if head == '' then
    return tail
  end
  if #tail > DIGITS then
    return string.format('%.0f', head + 1) .. string.rep('0', DIGITS)
  end
  return head .. string.rep('0', DIGITS - #tail) .. tail
end

local function following(id)
  local time, number = string.match(id, '(%d+)-(%d+)')
  if number ~= MOST then
    return time .. '-' .. plus_one(number)
  end
  return time == MOST and id or plus_one(time) .. '-0'
end

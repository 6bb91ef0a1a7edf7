-- `earlier(a, b)`: whether stream id a is before stream id b. Compared as text, because Lua's numbers are exact up to 2^53 only.
local function earlier(a, b)
  local a_time, a_number = string.match(a, '(%d+)-(%d+)')
  local b_time, b_number = string.match(b, '(%d+)-(%d+)')
  if a_time == b_time then
    a_time, b_time = a_number, b_number
  end
  if #a_time ~= #b_time then
    return #a_time < #b_time
  end
  return a_time < b_time
end

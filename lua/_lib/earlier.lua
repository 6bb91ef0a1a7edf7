-- `earlier(a, b)`: whether stream id a comes before stream id b.
local function earlier(a, b)
  local a_time, a_number = string.match(a, '(%d+)-(%d+)')
  local b_time, b_number = string.match(b, '(%d+)-(%d+)')
  if a_time ~= b_time then
    return tonumber(a_time) < tonumber(b_time)
  end
  return tonumber(a_number) < tonumber(b_number)
end

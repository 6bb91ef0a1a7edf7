-- `due_at(due)`: the time at which an entry is due, in milliseconds since 1970; 0 for at once. `due` is such a time, +milliseconds
-- from now, or empty.
-- @include now
local function due_at(due)
  local delay = string.match(due, '^%+(%d+)$')
  return delay and math.ceil(now / 1000) + delay or tonumber(due) or 0
end

-- `due_at(due)`: when an entry is due that was added with milliseconds since 1970, or +milliseconds from now; in milliseconds
-- since 1970, 0 for at once.
-- @include now
local function due_at(due)
  local delay = string.match(due, '^%+(%d+)$')
  return delay and math.ceil(now / 1000) + delay or tonumber(due) or 0
end

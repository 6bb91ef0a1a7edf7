-- `waits(key, group)`: whether a stream has an entry that the group was not given yet.
-- @include stream/groups
local function waits(key, group)
  local last = '0-0'
  for _, found in ipairs(redis.call('EXISTS', key) == 1 and groups(key) or {}) do
    last = found.name == group and found['last-delivered-id'] or last
  end
  return redis.call('XRANGE', key, '(' .. last, '+', 'COUNT', 1)[1] ~= nil
end

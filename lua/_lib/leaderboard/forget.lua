-- `forget(ids, idlog, remember)`: forgets at most four ids of increments, or removals, that are too old. Whoever
-- remembers one calls it, so that there are never more than were remembered in the time, and those still to be forgotten.
-- @include leaderboard/board
-- @include now

local function forget(ids, idlog, remember)
  local bound = now - remember
  if bound < 0 then
    return
  end
  local old = redis.call('XRANGE', idlog, '-', string.format('%.0f', bound), 'COUNT', 4)
  for _, entry in ipairs(old) do
    local field = entry[2][2]
    local record = redis.call('HGET', ids, field)
    if record and (board.time_of(record) or 0) <= board.time_of(entry[1]) then
      redis.call('HDEL', ids, field)
    end
    redis.call('XDEL', idlog, entry[1])
  end
end

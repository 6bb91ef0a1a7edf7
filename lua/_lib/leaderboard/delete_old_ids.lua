-- `delete_old_ids(ids, idlog, window)`: deletes at most four expired ids of increments, or removals. Every script that stores
-- one calls it, so the number of stored ids is bounded by those of the window and those that are still to be deleted.
-- @include leaderboard/board
-- @include now

local function delete_old_ids(ids, idlog, window)
  local bound = now - window
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

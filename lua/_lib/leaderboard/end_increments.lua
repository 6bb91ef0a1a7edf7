-- Says that increments of the current period cannot be undone in a window any more.
local function end_increments(ids, idlog, window, plain, name)
  if redis.call('EXISTS', ids) == 1 then
    local start = not plain.next and 0 or window.period == 1 and plain.start or plain.next
    local field = string.format('s%s %.0f', name, start)
    redis.call('HSET', ids, field, board.append(idlog, 'f', field))
    local life = redis.call('PTTL', ids)
    if life >= 0 then
      redis.call('PEXPIRE', idlog, math.max(life, 1))
    end
  end
end

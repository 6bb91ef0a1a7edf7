-- `fences`: numbers that rise for ever in a space. Each is greater than every one before it and at least Redis' time in microseconds. So
-- they also rise after the key was lost, if the clock was not set back by more than the time that was lost.
--
-- - `fences.open(key)` makes the object. `fences.look(of)` reads the last number once in a call; it returns an error or nothing.
--   `fences.next(of)` returns the next one. The first of a call stores as many as the call has keys: a script takes longer than a
--   microsecond for each, so fences do not run ahead of the clock.
-- @include now
local fences = { open = nil, look = nil, next = nil }

function fences.open(key)
  return { key = key, last = nil, stored = nil }
end

function fences.look(of)
  if of.last then
    return
  end
  local text = redis.pcall('GET', of.key)
  if type(text) == 'table' then
    return text
  end
  local last = tonumber(text or 0)
  if not last or last ~= last or last < 0 or last >= 9007199254740991 then
    return { err = 'ERR ' .. of.key .. ' holds no fence: delete it' }
  end
  of.last = last
end

function fences.next(of)
  if not of.stored or of.last >= of.stored then
    of.last = math.max(math.floor(of.last) + 1, now)
    of.stored = of.last + #KEYS
    redis.call('SET', of.key, string.format('%.0f', of.stored))
    return of.last
  end
  of.last = of.last + 1
  return of.last
end

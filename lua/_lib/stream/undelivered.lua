-- `undelivered(stream, last, lag)`: returns how many entries of a stream are after id `last`, the last one that a group has read; 1
-- when that is exact, 0 when it is an estimate; and the id of the first of them, if any. `lag` is the number of Redis, which does
-- not know it after an entry was deleted or the group was reset.
--
-- It counts at most 512 entries or 256 KiB on either side of `last`. Beyond that it estimates from the times in the ids.
-- @include ids
local function undelivered(stream, last, lag)
  local function count(first, final)
    local found, all = ids(stream, first, final, 512)
    return #found, all
  end

  local next_up = redis.call('XRANGE', stream, '(' .. last, '+', 'COUNT', 1)[1]
  if not next_up then
    return 0, 1
  end
  next_up = next_up[1]
  local length = redis.call('XLEN', stream)
  local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1][1]
  if first == next_up then
    return length, 1, next_up
  end
  if lag then
    return math.min(lag, length), 1, next_up
  end
  -- In a work queue the delivered entries are few: finished ones are deleted.
  local behind, all = count('-', last)
  if all then
    return length - behind, 1, next_up
  end
  local ahead, rest = count(next_up, '+')
  if rest then
    return ahead, 1, next_up
  end
  local function ms(id)
    return tonumber(string.match(id, '%d+'))
  end
  local final = ms(redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1][1])
  local span = final - ms(first)
  local share = span > 0 and (final - ms(next_up)) / span or 0.5
  local estimate = math.floor(length * share + 0.5)
  return math.max(ahead, math.min(estimate, length - behind)), 0, next_up
end

--- Tell how deliveries of one worker ended: finished, to be handled again now or later, or dead letters.
--
-- Invariant: only who has a delivery's lease changes anything, and the entry is in exactly one place of its group before
-- and after. A batch that was carried out leaves its number in the worker's mark: when the worker, which sends one batch
-- at a time, does not learn its fate, it sends it again and gets the first answer.
-- A process may die before (the leases run out) or after (done); the lists are bounded by the worker to 256 and 64, and to
-- some 1 MiB of what moves.
-- @batch 1
-- @full runs         finishing frees; what fails must get out of the way, and moves to where it needs hardly more
-- @include now
-- @include stream/pending
-- @include stream/acknowledge
-- @include stream/entry
-- @include typed
-- @shared group    group
-- @shared consumer who ends them
-- @shared declared groups of a work queue separated by spaces, - for an event log
-- @item key stream stream
-- @item key ready  stream of what the group handles again
-- @item key later  sorted set of what it handles again later
-- @item key dead   stream of its dead letters
-- @item key mark   string, number and answer of the worker's last batch
-- @item arg number of this batch
-- @item arg finished JSON: two lists, ascending, of positions in the stream and in ready
-- @item arg moves  JSON list of [r for ready else m, position, to, attempts used, fencing number, milliseconds, kind, reason]
-- @returns string  positions whose lease was lost, separated by spaces, those in ready after an r

local DAY = 86400
local TYPES = { later = 'zset', at = 'zset', ready = 'stream', dead = 'stream' }

local function item(stream, ready, later, dead, mark, number, finished, moves)
  local wrong = typed(mark, 'string') or typed(stream, 'stream') or typed(ready, 'stream')
  if wrong then
    return wrong
  end
  local last, answer = string.match(redis.call('GET', mark) or '', '^(%d+) (.*)$')
  if last == number then
    return answer
  end
  local lost = {}

  -- What can be refused is refused before the first write.
  moves = cjson.decode(moves)
  local places = { later = later, at = later, ready = ready, dead = dead }
  for _, move in ipairs(moves) do
    wrong = wrong or typed(places[move[3]], TYPES[move[3]])
  end

  if wrong then
    return wrong
  end

  -- Those under the worker's lease; the others are lost.
  local function held(key, ids, prefix)
    local mine, found = {}, pending(key, group, ids, consumer)
    for _, id in ipairs(ids) do
      if found[id] then
        mine[#mine + 1] = id
      else
        lost[#lost + 1] = prefix .. id
      end
    end
    return mine
  end

  local function leave(key, ids)
    if key == stream then
      acknowledge(stream, group, declared, ids)
    else
      redis.call('XACK', ready, group, unpack(ids))
      redis.call('XDEL', ready, unpack(ids))
    end
  end

  local function put(is, to, ms, kind, reason)
    if to == 'dead' then
      entry.dead(dead, is, group, kind, reason)
    elseif to == 'ready' then
      entry.ready(ready, is)
    elseif to == 'at' then
      entry.later(later, is, ms)
    else
      entry.later(later, is, math.ceil(now / 1000) + ms)
    end
  end

  local of_stream, of_ready = unpack(cjson.decode(finished))
  for key, ids in pairs({ [stream] = of_stream, [ready] = of_ready }) do
    local mine = ids[1] and held(key, ids, key == ready and 'r' or '') or ids
    if mine[1] then
      leave(key, mine)
    end
  end

  for _, move in ipairs(moves) do
    local from, id, to, attempts, fence, ms, kind, reason = unpack(move)
    local key = from == 'r' and ready or stream
    if held(key, { id }, from == 'r' and 'r' or '')[1] then
      -- One that was deleted by hand is forgotten.
      local is = (key == ready and entry.again or entry.read)(key, id)
      if is then
        is.a, is.f = attempts, fence
        put(is, to, ms, kind, reason)
      end
      leave(key, { id })
    end
  end

  answer = table.concat(lost, ' ')
  redis.call('SET', mark, number .. ' ' .. answer, 'EX', DAY)
  return answer
end

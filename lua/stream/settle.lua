--- Settle a batch of deliveries of one worker: each is finished, to be handled again (now or later), or a dead letter.
--
-- Invariant: only the consumer that has the lease of a delivery changes its entry. The entry is in exactly one place of its group
-- before and after. The script stores the number and the reply of the worker's last batch. A worker sends one batch at a time. If it
-- gets no reply, it sends the batch again under the same number and gets the first reply.
-- If a process dies before the script, the leases end; if it dies after it, the batch is done. The worker sends at most 256 finished
-- deliveries and 64 moves, and moves some 1 MiB.
-- @batch 1
-- @full runs         finishing frees memory; a failed entry is moved, which needs hardly any more
-- @include now
-- @include stream/pending
-- @include stream/acknowledge
-- @include stream/entry
-- @include typed
-- @shared group    group
-- @shared consumer name of the worker's consumer
-- @shared declared groups of a work queue, separated by spaces; - for an event log
-- @item key stream stream
-- @item key ready  stream of entries that the group must handle again
-- @item key delayed sorted set of its entries that wait for a time
-- @item key dead   stream of its dead letters
-- @item key settled string: number and reply of the worker's last batch
-- @item arg number number of this batch
-- @item arg finished JSON: two lists of positions, ascending: in the stream and in ready
-- @item arg moves  JSON list of [m for the stream or r for ready, position, new state, used attempts, fencing token, milliseconds, kind, reason]
-- @returns string  positions whose lease is lost, separated by spaces; a position in ready has a leading r

local DAY = 86400
local TYPES = { retrying = 'zset', delayed = 'zset', waiting = 'stream', dead = 'stream' }

local function item(stream, ready, delayed, dead, settled, number, finished, moves)
  local wrong = typed(settled, 'string') or typed(stream, 'stream') or typed(ready, 'stream')
  if wrong then
    return wrong
  end
  local last, reply = string.match(redis.call('GET', settled) or '', '^(%d+) (.*)$')
  if last == number then
    return reply
  end
  local lost = {}

  -- Everything that can be refused is refused before the first write.
  moves = cjson.decode(moves)
  local places = { retrying = delayed, delayed = delayed, waiting = ready, dead = dead }
  for _, move in ipairs(moves) do
    wrong = wrong or typed(places[move[3]], TYPES[move[3]])
  end

  if wrong then
    return wrong
  end

  -- The positions under the worker's lease. The others are added to `lost`.
  local function leased(key, ids, prefix)
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

  local function put(delivery, to, ms, kind, reason)
    if to == 'dead' then
      entry.put_dead(dead, delivery, group, kind, reason)
    elseif to == 'waiting' then
      entry.put_ready(ready, delivery)
    elseif to == 'delayed' then
      entry.put_delayed(delayed, delivery, ms)
    else
      entry.put_delayed(delayed, delivery, math.ceil(now / 1000) + ms)
    end
  end

  local of_stream, of_ready = unpack(cjson.decode(finished))
  for key, ids in pairs({ [stream] = of_stream, [ready] = of_ready }) do
    local mine = ids[1] and leased(key, ids, key == ready and 'r' or '') or ids
    if mine[1] then
      leave(key, mine)
    end
  end

  for _, move in ipairs(moves) do
    local from, id, to, attempts, fence, ms, kind, reason = unpack(move)
    local key = from == 'r' and ready or stream
    if leased(key, { id }, from == 'r' and 'r' or '')[1] then
      -- Nil if the entry was deleted by hand.
      local delivery = (key == ready and entry.read_ready or entry.read)(key, id)
      if delivery then
        delivery.a, delivery.f = attempts, fence
        put(delivery, to, ms, kind, reason)
      end
      leave(key, { id })
    end
  end

  reply = table.concat(lost, ' ')
  redis.call('SET', settled, number .. ' ' .. reply, 'EX', DAY)
  return reply
end

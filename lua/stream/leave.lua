--- Give back the entries that are still pending for a worker that closes, and delete its consumer when none is left.
--
-- Those entries were in a reply that the worker did not read. Invariant: a consumer is deleted only when no entry is pending for it.
-- A call gives back at most 100 entries of each stream, or some 256 KiB.
-- @batch 1
-- @full runs         without it these entries wait until their lease ends; it moves entries and deletes a consumer
-- @include now
-- @include stream/acknowledge
-- @include stream/entry
-- @include stream/placing
-- @include typed
-- @shared keys held with order by key its places, see lua/_lib/stream/places.lua
-- @shared group    group
-- @shared consumer name of the worker's consumer
-- @shared declared groups of a work queue, separated by spaces; - for an event log
-- @item key stream stream
-- @item key ready  stream of entries that the group must handle again
-- @item key delayed sorted set of its entries that wait for a time
-- @item key settled string: number and reply of the worker's last batch
-- @item arg most    places of a key; 0 without order
-- @returns integer entries given back: 0 when none is left

local MOST, MOST_BYTES = 100, 262144

local function item(stream, ready, delayed, settled, most)
  local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(delayed, 'zset')
  local places, of = placing(most, held[1], held[2], ready)
  wrong = wrong or of and places.wrong(of)
  if wrong then
    return wrong
  end
  local function give_back(delivery, location)
    if of and delivery.k then
      delivery.f = delivery.f + 1
      places.give_back(of, delivery, location)
    elseif of and delivery.q then
      delivery.f = delivery.f + 1
      entry.put_delayed(delayed, delivery, delivery.n or 0)
    else
      entry.give_back(ready, delayed, delivery, math.floor(now / 1000))
    end
  end

  local given = 0
  for _, key in ipairs({ stream, ready }) do
    local ids = {}
    local all = redis.pcall('XPENDING', key, group, '-', '+', MOST, consumer)
    -- Without the group there are no pending entries.
    if all.err and not string.match(all.err, '^NOGROUP') then
      error(all)
    end
    local bytes = 0
    for at, row in ipairs(all) do
      if bytes >= MOST_BYTES then
        break
      end
      ids[at] = row[1]
      for _, position in ipairs(of and key == ready and places.positions(of, row[1]) or { row[1] }) do
        local delivery = (key == ready and entry.read_ready or entry.read)(key, position)
        if delivery then
          bytes = bytes + #(delivery.d or '')
          give_back(delivery, (key == ready and 'r' or 'm') .. position)
        end
      end
    end
    if ids[1] and key == stream then
      acknowledge(stream, group, declared, ids)
    elseif ids[1] then
      redis.call('XACK', ready, group, unpack(ids))
      redis.call('XDEL', ready, unpack(ids))
    end
    given = given + #ids
  end
  if given == 0 then
    redis.pcall('XGROUP', 'DELCONSUMER', stream, group, consumer)
    redis.pcall('XGROUP', 'DELCONSUMER', ready, group, consumer)
    redis.call('DEL', settled)
  end
  return given
end

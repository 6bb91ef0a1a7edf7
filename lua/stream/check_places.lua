--- Check that places of keys are taken by entries that exist, and that keys with queued entries have no free place.
--
-- Scripts keep that by themselves. It is not so after a user deleted entries or keys by hand. Invariant: a place is passed on only if its
-- first entry is in none of its locations and in no pending list. A call checks some 100 places and 20 keys of the queue, and stops after
-- some 256 KiB of entries. The caller continues at the cursor, so everything is checked sooner or later.
-- @batch 1
-- @full runs         it makes entries ready
-- @include now
-- @include stream/expanded
-- @include stream/places
-- @include typed
-- @shared keys held  its places, see lua/_lib/stream/places.lua
-- @shared most       places of a key
-- @shared group      group
-- @item key stream   stream
-- @item key ready    stream of entries that the group must handle again
-- @item key delayed  sorted set of its entries that wait for a time
-- @item key dead     stream of its dead letters
-- @item arg cursor   cursor, 0 at first
-- @item arg after    key of the queue after which to continue, empty at first
-- @returns list      both cursors as text, and how many places were passed on

local COUNT, KEYS_OF_QUEUE, MOST_BYTES = 100, 20, 262144

local function item(stream, ready, delayed, dead, cursor, after)
  local of = places.open(held[1], held[2], ready, most)
  local wrong = places.wrong(of) or typed(stream, 'stream') or typed(ready, 'stream') or typed(delayed, 'zset') or typed(dead, 'stream')
  if wrong then
    return wrong
  end
  local bytes, repaired = 0, 0

  local function in_stream(key, id)
    local found = redis.call('XRANGE', key, id, id)[1]
    if not found then
      -- An entry that was deleted while a worker has it keeps its place until the lease ends. Without the group nothing is pending.
      return key ~= dead and redis.pcall('XPENDING', key, group, id, id, 1)[1] ~= nil
    end
    for _, text in ipairs(found[2]) do
      bytes = bytes + #text
    end
    return true
  end

  local function in_delayed(due, id)
    local found = redis.call('ZRANGE', delayed, due, due, 'BYSCORE', 'LIMIT', 0, COUNT)
    for _, packed in ipairs(found) do
      bytes = bytes + #packed
      local ok, fields = pcall(cmsgpack.unpack, packed)
      if ok and type(fields) == 'table' and fields[1] == id then
        return true
      end
    end
    return #found == COUNT
  end

  local function exists(location)
    local where, rest = string.match(location, '^([mrdx])(.*)$')
    local due, id = string.match(rest or '', '^(%d+)/(%d+%-%d+)$')
    if where == 'd' then
      return due ~= nil and in_delayed(due, id)
    end
    local position = where == 'r' and string.match(rest, '^(%d+%-%d+)/%d+$') or rest
    if not where or not string.match(position, '^%d+%-%d+$') then
      return false
    end
    return in_stream(where == 'm' and stream or where == 'r' and ready or dead, position)
  end

  local page = redis.call('HSCAN', of.busy, cursor, 'COUNT', COUNT)
  -- Begins at another one each time, so that large entries do not keep the last ones from being checked.
  local pairs_found = #page[2] / 2
  for nth = 1, pairs_found do
    local at = (nth + now) % pairs_found * 2 + 1
    local place, value = page[2][at], expanded(page[2][at + 1])
    local location = string.match(value, '^%S+') or value
    if place ~= '' and place ~= '\1' and bytes < MOST_BYTES and not exists(location) then
      local run = places.run(location)
      for each in string.gmatch(value, '%S+') do
        if each == location or run and places.run(each) == run then
          places.leave(of, place, each, 1)
        end
      end
      repaired = repaired + 1
    end
  end

  if redis.call('XLEN', ready) == 0 then
    -- Without runs none of them is behind another.
    redis.call('HDEL', of.busy, '\1')
  end
  for _ = 1, bytes < MOST_BYTES and KEYS_OF_QUEUE or 0 do
    local from = after == '' and '-' or '(' .. after .. '\1'
    local found = redis.call('ZRANGE', of.queued, from, '+', 'BYLEX', 'LIMIT', 0, 1)[1]
    if not found then
      after = ''
      break
    end
    bytes = bytes + #found
    after = string.match(found, '^[^%z]*')
    local place = places.free(of, after)
    if place then
      places.pass_on(of, place, 1)
      repaired = repaired + 1
    end
    if bytes >= MOST_BYTES then
      break
    end
  end
  return { page[1], after, repaired }
end

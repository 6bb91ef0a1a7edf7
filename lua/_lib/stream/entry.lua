-- `entry`: moves an entry between the places of a group. `entry.read` returns it from the stream, `entry.read_ready` from the
-- group's ready entries or dead letters, `entry.unpacked` from a member of delayed; nil when it was deleted. The other functions write it to its next place.
--
--   i  the entry's id          d  payload                    t  traceparent, if any
--   a  used attempts           f  deliveries (the fence)     n  earliest time to handle it, in ms, if any
--   v  how often in a row its worker vanished before a start of its handler was recorded; 1 after a recorded start; if any
--   k  its place, q  its key while it has no place (places.lua)
--   o  its own terms, such as a3b1000t60000r9000l1: attempts, back-off, time limit, how long its outcome is kept (outcomes.lua), low priority (low.lua), if any
--
-- The meaning of the fields depends on the stream that they are in. An entry that something other than penknife wrote has another
-- shape; only its payload is used: field d, or else the first value. In the group's own streams it is `foreign` and has the id 0-0.
-- @lazy stream/members
local entry = {}

local function fields_of(stream, id)
  local found = redis.call('XRANGE', stream, id, id)[1]
  if not found then
    return nil
  end
  local fields, named = found[2], {}
  for at = 1, #fields, 2 do
    -- The first field of a name counts, as in the worker.
    named[fields[at]] = named[fields[at]] or fields[at + 1]
  end
  return fields, named
end

local function is_count(text)
  return text and #text <= 15 and string.match(text, '^%d+$')
end

-- Whether the fields are those that lua/_lib/stream/append.lua writes: d, then t, n, o, and k or q, if any.
local function added(fields, named)
  local names = 'd' .. (named.t and 't' or '') .. (named.n and 'n' or '') .. (named.o and 'o' or '')
    .. (named.k and 'k' or named.q and 'q' or '')
  for at = 1, #fields, 2 do
    if fields[at] ~= string.sub(names, (at + 1) / 2, (at + 1) / 2) then
      return false
    end
  end
  return #fields == 2 * #names and (not named.n or is_count(named.n))
end

function entry.read(stream, id)
  local fields, named = fields_of(stream, id)
  if not fields then
    return nil
  end
  if added(fields, named) then
    return { i = id, a = 0, f = 0, d = named.d, t = named.t, n = tonumber(named.n or nil), k = named.k, q = named.q, o = named.o }
  end
  return { i = id, a = 0, f = 0, d = named.d or fields[2] }
end

-- `id` may be the position of an entry of a run (members.lua).
function entry.read_ready(stream, id)
  local position, nth = string.match(id, '^([^/]*)/(%d+)$')
  local fields, named = fields_of(stream, position or id)
  if not fields then
    return nil
  end
  if position then
    return load_members().of_run(fields, nth) or { i = '0-0', a = 0, f = 0, d = fields[2 * nth + 2] or '', foreign = true }
  end
  if named.k and not named.a and not named.f then
    named.a, named.f = '0', '0'
  end
  if string.match(named.i or '', '^%d+%-%d+$') and is_count(named.a) and is_count(named.f) and named.d then
    local v = is_count(named.v) and tonumber(named.v) or nil
    -- A dead letter has its kind in k and its key in q.
    local k = not named.g and named.k or nil
    return { i = named.i, a = tonumber(named.a), f = tonumber(named.f), d = named.d, t = named.t, v = v, k = k, q = named.q, o = named.o }
  end
  return { i = '0-0', a = 0, f = 0, d = named.d or fields[2], foreign = true }
end

-- Returns the position.
function entry.put_ready(ready, delivery)
  if delivery.foreign then
    return redis.call('XADD', ready, '*', 'd', delivery.d)
  end
  local place = delivery.k
  -- With order by key most entries come here before their first delivery.
  if place and delivery.f == 0 and delivery.a == 0 and not delivery.t and not delivery.v and not delivery.o then
    return redis.call('XADD', ready, '*', 'i', delivery.i, 'd', delivery.d, 'k', place)
  end
  local add = { 'XADD', ready, '*', 'i', delivery.i, 'a', delivery.a, 'f', delivery.f, 'd', delivery.d }
  for _, name in ipairs({ 't', 'v', 'k', 'o' }) do
    if delivery[name] then
      add[#add + 1] = name
      add[#add + 1] = delivery[name]
    end
  end
  return redis.call(unpack(add))
end

-- Returns the member.
function entry.put_delayed(delayed, delivery, due)
  local fields = { delivery.i, delivery.a, delivery.f, delivery.d, delivery.t }
  if delivery.k or delivery.q or delivery.o or delivery.v then
    fields[5], fields[6], fields[7], fields[8] = delivery.t or '', delivery.k or '', delivery.q or '', delivery.o
  end
  if delivery.v then
    fields[8], fields[9] = delivery.o or '', delivery.v
  end
  local packed = cmsgpack.pack(fields)
  redis.call('ZADD', delayed, string.format('%.0f', due), packed)
  return packed
end

-- The attempts of an entry; `usual` when it has no number of its own.
function entry.attempts(delivery, usual)
  return tonumber(delivery.o and string.match(delivery.o, 'a(%d+)') or usual)
end

-- Gives back an entry that no handler had: to ready, or to delayed if it is not due yet.
function entry.give_back(ready, delayed, delivery, ms)
  delivery.f = delivery.f + 1
  if delivery.n and delivery.n > ms then
    entry.put_delayed(delayed, delivery, delivery.n)
  else
    entry.put_ready(ready, delivery)
  end
end

-- Returns the position.
function entry.put_dead(dead, delivery, group, kind, reason)
  local i, a, f, d = delivery.i, delivery.a, delivery.f, delivery.d
  local add = { 'XADD', dead, '*', 'i', i, 'a', a, 'f', f, 'g', group, 'k', kind, 'e', reason, 'd', d }
  local q = delivery.q or delivery.k and string.match(delivery.k, '^[^\1]*')
  for name, value in pairs({ t = delivery.t, q = q, o = delivery.o }) do
    add[#add + 1] = name
    add[#add + 1] = value
  end
  return redis.call(unpack(add))
end

-- The entry of a member of delayed; nil when penknife did not write it.
function entry.unpacked(packed)
  local ok, found = pcall(cmsgpack.unpack, packed)
  if not ok or type(found) ~= 'table' then
    return nil
  end
  local i, a, f, d, t, k, q, o, v = unpack(found, 1, 9)
  local known = type(i) == 'string' and string.match(i, '^%d+%-%d+$') and type(a) == 'number' and type(f) == 'number'
  if not known or type(d) ~= 'string' or (t ~= nil and type(t) ~= 'string') then
    return nil
  end
  local function given(text)
    return type(text) == 'string' and text ~= '' and text or nil
  end
  return { i = i, a = a, f = f, d = d, t = given(t), k = given(k), q = given(q), o = given(o), v = type(v) == 'number' and v or nil }
end

-- Moves a due member of delayed to ready with `put`. A member that cannot be read becomes a dead letter with the id 0-0. Returns
-- whether it could be read.
function entry.put_due(dead, group, packed, put)
  local delivery = entry.unpacked(packed)
  if delivery then
    put(delivery)
  else
    local found = { i = '0-0', a = 0, f = 0, d = packed }
    entry.put_dead(dead, found, group, 'invalid', 'a delayed entry cannot be read: something other than penknife wrote it')
  end
  return delivery ~= nil
end

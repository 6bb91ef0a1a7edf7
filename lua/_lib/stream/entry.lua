-- `entry`: an entry as a group has it, wherever it is. `entry.read` takes it from the stream, `entry.again` from the group's
-- own streams, nil when it was deleted; the others put it into its next place.
--
--   i  the entry's id          d  payload        t  traceparent, if any
--   a  attempts used           f  deliveries     n  not before, in ms, if any
--   v  how often in a row a worker vanished with it, not known to have started its handler, and 1 if it had; if any
--
-- Which stream it is in says what its fields mean. What something else wrote is told by its shape, and only its payload is
-- believed: the field d, else its first value. In the group's own streams it is marked `foreign`, with the id 0-0.
local entry = {}

local function fields_of(stream, id)
  local found = redis.call('XRANGE', stream, id, id)[1]
  if not found then
    return nil
  end
  local fields, named = found[2], {}
  for at = 1, #fields, 2 do
    -- The first of a name, as the worker takes it.
    named[fields[at]] = named[fields[at]] or fields[at + 1]
  end
  return fields, named
end

local function is_count(text)
  return text and #text <= 15 and string.match(text, '^%d+$')
end

-- As lua/_lib/stream/append.lua adds it: d, then t and n, if any.
local function added(fields, named)
  local names = 'd' .. (named.t and 't' or '') .. (named.n and 'n' or '')
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
    return { i = id, a = 0, f = 0, d = named.d, t = named.t, n = tonumber(named.n or nil) }
  end
  return { i = id, a = 0, f = 0, d = named.d or fields[2] }
end

function entry.again(stream, id)
  local fields, named = fields_of(stream, id)
  if not fields then
    return nil
  end
  if string.match(named.i or '', '^%d+%-%d+$') and is_count(named.a) and is_count(named.f) and named.d then
    local v = is_count(named.v) and tonumber(named.v) or nil
    return { i = named.i, a = tonumber(named.a), f = tonumber(named.f), d = named.d, t = named.t, v = v }
  end
  return { i = '0-0', a = 0, f = 0, d = named.d or fields[2], foreign = true }
end

function entry.ready(ready, is)
  if is.foreign then
    redis.call('XADD', ready, '*', 'd', is.d)
    return
  end
  local add = { 'XADD', ready, '*', 'i', is.i, 'a', is.a, 'f', is.f, 'd', is.d }
  for _, name in ipairs({ 't', 'v' }) do
    if is[name] then
      add[#add + 1] = name
      add[#add + 1] = is[name]
    end
  end
  redis.call(unpack(add))
end

function entry.later(later, is, due)
  redis.call('ZADD', later, string.format('%.0f', due), cmsgpack.pack({ is.i, is.a, is.f, is.d, is.t }))
end

-- Not handled yet: to ready, or, when its time has not come, to later.
function entry.back(ready, later, is, ms)
  is.f = is.f + 1
  if is.n and is.n > ms then
    entry.later(later, is, is.n)
  else
    entry.ready(ready, is)
  end
end

function entry.dead(dead, is, group, kind, reason)
  local add = { 'XADD', dead, '*', 'i', is.i, 'a', is.a, 'f', is.f, 'g', group, 'k', kind, 'e', reason, 'd', is.d }
  if is.t then
    add[#add + 1] = 't'
    add[#add + 1] = is.t
  end
  redis.call(unpack(add))
end

-- What a member of later says; nil when it is none of penknife's.
local function unpacked(packed)
  local ok, found = pcall(cmsgpack.unpack, packed)
  if not ok or type(found) ~= 'table' then
    return nil
  end
  local i, a, f, d, t = found[1], found[2], found[3], found[4], found[5]
  local known = type(i) == 'string' and string.match(i, '^%d+%-%d+$') and type(a) == 'number' and type(f) == 'number'
  if not known or type(d) ~= 'string' or (t ~= nil and type(t) ~= 'string') then
    return nil
  end
  return { i = i, a = a, f = f, d = d, t = t }
end

-- A member of later whose time has come: to ready, or, when it cannot be read, to the dead letters as it is, with
-- the id 0-0. Whether it could be read.
function entry.due(ready, dead, group, packed)
  local is = unpacked(packed)
  if is then
    entry.ready(ready, is)
  else
    local found = { i = '0-0', a = 0, f = 0, d = packed }
    entry.dead(dead, found, group, 'invalid', 'what waited for its time cannot be read: something else wrote it')
  end
  return is ~= nil
end

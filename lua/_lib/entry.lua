-- `entry`: an entry as a group has it, wherever it is. `entry.read` takes it from the stream or from the group's own,
-- nil when it was deleted; the others put it into its next place.
--
--   i  the entry's id          d  payload        t  traceparent, if any
--   a  attempts used           f  deliveries     n  not before, in ms, if any
local entry = {}

function entry.read(stream, id)
  local found = redis.call('XRANGE', stream, id, id)[1]
  if not found then
    return nil
  end
  local fields, named = found[2], {}
  for at = 1, #fields, 2 do
    named[fields[at]] = fields[at + 1]
  end
  if named.i and named.a then
    return { i = named.i, a = tonumber(named.a), f = tonumber(named.f) or 0, d = named.d, t = named.t }
  end
  -- In the stream itself; one that something else wrote may have other fields.
  return { i = id, a = 0, f = 0, d = named.d or fields[2], t = named.t, n = tonumber(named.n or nil) }
end

function entry.ready(ready, is)
  if is.t then
    redis.call('XADD', ready, '*', 'i', is.i, 'a', is.a, 'f', is.f, 'd', is.d, 't', is.t)
  else
    redis.call('XADD', ready, '*', 'i', is.i, 'a', is.a, 'f', is.f, 'd', is.d)
  end
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

-- `members`: entries with a key as one text: while they wait for a place of their key (places.lua), and in a run.
--
-- A member is: key, byte 0, sortable id, byte 0, traceparent or nothing, byte 0, more, byte 0, payload. `more` is nothing for an entry
-- that no worker had and that has no terms of its own; otherwise used attempts, deliveries, v (entry.lua) or 0, and its own terms,
-- separated by spaces.
--
-- A run is one entry of ready that has several entries of a key, with the fields k, their place, and m for each, a member. Its entries
-- have the positions <position>/1, <position>/2, and so on. No worker had any of them before, and none has terms of its own.
-- @include stream/sortable
local members = { from = nil }

-- A member begins with this.
function members.prefix(key, id)
  return key .. '\0' .. sortable(id) .. '\0'
end

function members.from(key, delivery)
  local more = ''
  if delivery.a > 0 or delivery.f > 0 or delivery.v or delivery.o then
    more = string.format('%.0f %.0f %.0f ', delivery.a, delivery.f, delivery.v or 0) .. (delivery.o or '')
  end
  return members.prefix(key, delivery.i) .. (delivery.t or '') .. '\0' .. more .. '\0' .. delivery.d
end

-- The entry of a member; nil when penknife did not write it. `length` is that of its key, which the caller may know.
function members.entry(member, length)
  length = length or #string.match(member, '^[^%z]*')
  local ms, number, trace, more, payload =
    string.match(member, '^%z%u(%d+)%u(%d+)%z([^%z]*)%z([^%z]*)%z(.*)$', length + 1)
  if not ms then
    return nil
  end
  local delivery = { i = ms .. '-' .. number, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil }
  if more ~= '' then
    local a, f, v, o = string.match(more, '^(%d+) (%d+) (%d+) (.*)$')
    if not a then
      return nil
    end
    delivery.a, delivery.f = tonumber(a), tonumber(f)
    delivery.v = v ~= '0' and tonumber(v) or nil
    delivery.o = o ~= '' and o or nil
  end
  return delivery
end

-- Whether a member may be in a run.
function members.may_run(member, length)
  return string.find(member, '^%z%u%d+%u%d+%z[^%z]*%z%z', length + 1) ~= nil
end

-- Position of the run of an entry, and which one it is there; nil for an entry that is not in a run.
function members.position(position)
  return string.match(position, '^([^/]*)/(%d+)$')
end

-- An entry of a run, whose fields are given.
function members.of_run(fields, nth)
  local member = fields[1] == 'k' and fields[2 * nth + 1] == 'm' and fields[2 * nth + 2]
  local delivery = member and members.entry(member)
  if delivery then
    delivery.k = fields[2]
  end
  return delivery or nil
end

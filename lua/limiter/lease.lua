--- Hold a slot of concurrency rules for longer, or give it back.
--
-- A slot that has ended is not taken again: the place may be somebody else's.
-- @batch 64
-- @full runs         giving back frees a slot; holding one for longer changes a score, and must not end work under way
-- @include now
-- @include limiter/slots
-- @include limiter/readable
-- @item keys places   sorted sets of leases
-- @item arg lease     id of the slot
-- @item arg length    microseconds; 0 gives it back
-- @returns integer    1 if it had not ended in any of them

-- Whether the lease is in all places, and how much sooner leases end in each. Writes nothing.
local function read_slots(places, lease)
  local found = { there = 1, sooner = {} }
  for at, place in ipairs(places) do
    found.sooner[at] = slots.stepped_back(place)
    if not slots.has(place, lease, found.sooner[at]) then
      found.there = 0
    end
  end
  return found
end

local function type_of()
  return 'zset'
end

local function item(places, lease, length)
  local found, refused = readable(places, type_of, read_slots, places, lease)
  if not found then
    return refused
  end
  for at, place in ipairs(places) do
    slots.steady(place, found.sooner[at])
    if length == '0' then
      redis.call('ZREM', place, lease)
    elseif found.there == 1 then
      slots.hold(place, lease, now + length, true)
    end
  end
  return found.there
end

--- Renew the lease of a slot of concurrency rules, or release the slot.
--
-- An expired lease is not renewed: another call may have the slot now.
-- @batch 64
-- @full runs         a release deletes a member; a renewal changes a score, and must not fail for work in progress
-- @include now
-- @include limiter/slots
-- @include limiter/checked_read
-- @item keys places   sorted sets of leases
-- @item arg lease     id of the lease
-- @item arg length    microseconds; 0 releases it
-- @returns integer    1 if the lease had not expired in any key, else 0

-- Whether the lease is in all keys, and by how much leases end sooner in each. Writes nothing.
local function read_slots(places, lease)
  local found = { live = 1, sooner = {} }
  for at, place in ipairs(places) do
    found.sooner[at] = slots.clock_step(place)
    if not slots.has(place, lease, found.sooner[at]) then
      found.live = 0
    end
  end
  return found
end

local function type_of()
  return 'zset'
end

local function item(places, lease, length)
  local found, refused = checked_read(places, type_of, read_slots, places, lease)
  if not found then
    return refused
  end
  for at, place in ipairs(places) do
    slots.adjust(place, found.sooner[at])
    if length == '0' then
      redis.call('ZREM', place, lease)
    elseif found.live == 1 then
      slots.store(place, lease, now + length, true)
    end
  end
  return found.live
end

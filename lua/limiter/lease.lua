--- Hold a slot of concurrency rules for longer, or give it back.
--
-- A slot that has ended is not taken again: the place may be somebody else's.
-- @batch 64
-- @full runs         giving back frees a slot; holding one for longer changes a score, and must not end work under way
-- @include now
-- @include limiter/slots
-- @item keys places   sorted sets of leases
-- @item arg lease     id of the slot
-- @item arg length    microseconds; 0 gives it back
-- @returns integer    1 if it was held in all of them

local function item(places, lease, length)
  local held, sooner = 1, {}
  for at, place in ipairs(places) do
    sooner[at] = slots.stepped_back(place)
    if not slots.held(place, lease, sooner[at]) then
      held = 0
    end
  end
  for at, place in ipairs(places) do
    slots.steady(place, sooner[at])
    if length == '0' then
      redis.call('ZREM', place, lease)
    elseif held == 1 then
      slots.hold(place, lease, now + length, true)
    end
  end
  return held
end

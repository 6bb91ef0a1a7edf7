--- Decide about a call as charge.lua does, and charge nothing.
--
-- Invariant: it writes nothing, so a tool may ask at any time, and with a user who may only read.
-- @batch 16
-- @readonly
-- @include now
-- @include limiter/charging
-- @shared rules       as charge.lua
-- @item keys places   as charge.lua
-- @item arg cost      whole tokens
-- @returns list       as charge.lua

local of = charging.open(rules)

local function item(places, cost)
  if of.mistimed then
    return { 3, now }
  end
  local plan, refused = charging.prepare(of, places, cost, 'look', '')
  return plan and plan.reply or refused
end

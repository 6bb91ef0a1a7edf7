--- Release permits, or stop waiting for them; offer free permits to waiting callers.
--
-- Invariant: only the ticket's own permits are released, and once. A process that dies before it leaves a lease that ends by itself.
-- @batch 32
-- @full runs         it frees permits
-- @include guard/permits
-- @shared channel    as permit.lua
-- @shared size       as permit.lua
-- @shared claim      as permit.lua
-- @item key held     as permit.lua
-- @item key extra    as permit.lua
-- @item key queue    as permit.lua
-- @item arg ticket   as permit.lua
-- @item arg waits    1 when the ticket may be in the queue, else 0
-- @returns integer   1 if the lease was in force, else 0

local of = permits.open(nil, channel, size, 0, claim)

local function item(held, extra, queue, ticket, waits)
  if waits == '1' then
    return permits.leave(of, held, extra, queue, ticket)
  end
  return permits.release(of, held, extra, queue, ticket)
end

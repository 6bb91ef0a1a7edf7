--- Renew the lease of permits. A lease that ended is not renewed.
-- @batch 64
-- @full runs         work that goes on depends on it; it adds nothing
-- @include guard/permits
-- @shared lease      milliseconds
-- @item key held     as permit.lua
-- @item arg ticket   as permit.lua
-- @returns integer   1 if it was renewed, 0 if it ended

local of = permits.open(nil, nil, 0, lease, 0)

local function item(held, ticket)
  return permits.renew(of, held, ticket)
end

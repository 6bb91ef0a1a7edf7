--- Write an object: some of its fields, or all of it.
--
-- Invariant: it is written whole or not at all, only over the version that the caller saw (if it says one), and not by an older fence than
-- that of the last write. A caller that heard no answer reads the version: its own write has a version that it did not see.
-- @batch 32
-- @full refused      it may grow
-- @include guard/objects
-- @shared ttl        milliseconds that it outlives its last write; 0 for ever
-- @item key object   hash
-- @item arg ops      JSON, see lua/_lib/guard/objects.lua
-- @item arg whole    1 to replace all fields
-- @item arg version  that it must have; empty for any, 0 for none
-- @item arg fence    of the caller's lease; empty for none
-- @returns string    "+version" and a line for each incremented field, or why not

ttl = tonumber(ttl)

local function item(object, ops, whole, version, fence)
  local request = { ops = cjson.decode(ops), whole = whole == '1', version = tonumber(version), fence = tonumber(fence) }
  local planned = objects.prepare(object, request)
  if type(planned) ~= 'table' or planned.err then
    return planned
  end
  return objects.apply(object, planned, ttl)
end

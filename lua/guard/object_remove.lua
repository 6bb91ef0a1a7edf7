--- Delete an object. The last fence that wrote it is remembered for an hour.
-- @batch 64
-- @full runs         it deletes
-- @include guard/objects
-- @item key object   hash
-- @item arg version  as object_write.lua
-- @item arg fence    as object_write.lua
-- @returns string    "+version" that was deleted, 0 when there was none; or why not

local function item(object, version, fence)
  local planned = objects.prepare_removal(object, { version = tonumber(version), fence = tonumber(fence) })
  if type(planned) ~= 'table' or planned.err then
    return planned
  end
  return objects.apply_removal(object, planned)
end

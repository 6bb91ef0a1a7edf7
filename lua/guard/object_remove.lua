--- Delete an object.
-- @batch 64
-- @full runs         it deletes; a token is a few bytes
-- @include guard/fencing
-- @include guard/objects
-- @item key object   hash
-- @item key fence    as object_write.lua
-- @item arg version  as object_write.lua
-- @item arg token    as object_write.lua
-- @returns string    "+version" that was deleted, 0 when there was none; or why not

local function item(object, fence, version, token)
  token = tonumber(token)
  local refused = token and fencing.prepare(fence, token)
  if refused then
    return refused
  end
  local planned = objects.prepare_removal(object, { version = tonumber(version) })
  if type(planned) ~= 'table' or planned.err then
    return planned
  end
  if token then
    fencing.apply(fence, token)
  end
  return objects.apply_removal(object, planned)
end

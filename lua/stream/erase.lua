--- Delete an entry of an event log.
--
-- Invariant: afterwards the stream has no entry with this id. A copy that a group has to handle again, and its dead letters, stay.
-- @batch 64
-- @full runs         deleting frees memory
-- @item key stream stream
-- @item arg id     id of the entry
-- @returns integer 1 when it was there

local function item(stream, id)
  return redis.pcall('XDEL', stream, id)
end

--- Delete a key of a subject.
-- @batch 128
-- @full runs         it deletes a key
-- @item key place     a state, a log or slots
-- @returns integer    1 if it was there

local function item(place)
  return redis.call('UNLINK', place)
end

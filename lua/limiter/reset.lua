--- Delete a key of a subject.
-- @batch 128
-- @full runs         it deletes a key
-- @include limiter/leading_block
-- @item key place     a state, a log or slots
-- @returns integer    0 if it was not there, 1 if it was; if a block without an end was in it, the id under which it is listed

local function item(place)
  -- A key of another type gives an error table, whose length is 0.
  local _, _, _, _, listing = leading_block(redis.pcall('GET', place))
  return math.max(redis.call('UNLINK', place), listing)
end

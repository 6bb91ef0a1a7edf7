--- Delete a dead letter.
-- @batch 128
-- @full runs         it deletes a dead letter
-- @item key dead     stream of dead letters
-- @item arg position position of the dead letter
-- @returns integer   1 when it existed

local function item(dead, position)
  return redis.pcall('XDEL', dead, position)
end

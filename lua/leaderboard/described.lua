--- Read data of a member, which need not be on the board.
-- @batch 64
-- @readonly
-- @shared keys keys  hash of the members' data
-- @item arg member   member
-- @returns string|null JSON text

local function item(member)
  return redis.call('HGET', keys[1], member)
end

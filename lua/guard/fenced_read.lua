--- Read values that were written with a fence token.
-- @batch 64
-- @readonly
-- @item key value    string: the token, a space, and the value
-- @returns string|null the token, a space, and the value

local function item(value)
  return redis.call('GET', value)
end

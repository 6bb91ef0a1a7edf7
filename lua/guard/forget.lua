--- Delete the stored result of a run. A run in progress goes on.
-- @batch 128
-- @full runs         it deletes
-- @item key key      string: the claim, or its result
-- @returns integer   1 if a result was stored

local function item(key)
  local text = redis.pcall('GET', key)
  if type(text) == 'table' then
    return text
  end
  if not text or string.sub(text, 1, 1) == 'c' then
    return 0
  end
  return redis.call('DEL', key)
end

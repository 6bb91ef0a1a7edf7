--- Forget what came of a run; one under way goes on.
-- @batch 128
-- @full runs         it deletes
-- @item key key      string: the claim, or what came of it
-- @returns integer   1 if something was kept

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

--- Store the declaration of a feature, and return the stored one if it differs.
-- @batch 16
-- @full refused      its answer can wait
-- @item key declaration string
-- @item arg text     the declaration as readable text
-- @item arg lasts    milliseconds for which it is stored; 0: without a limit
-- @returns string|null the declaration before, if it differs

local function item(declaration, text, lasts)
  local before = redis.pcall('GET', declaration)
  if type(before) == 'table' then
    return before
  end
  if lasts ~= '0' then
    redis.call('SET', declaration, text, 'PX', lasts)
  elseif before ~= text then
    redis.call('SET', declaration, text)
  end
  return before ~= text and before or nil
end

--- Remember how something is declared, and answer how it was declared before, if in another way.
-- @batch 16
-- @full refused      what it answers can wait
-- @item key declaration string
-- @item arg text     the declaration as people read it
-- @item arg lasts    milliseconds for which it is stored; 0: without a limit
-- @returns string|null the declaration before, if it was another one

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

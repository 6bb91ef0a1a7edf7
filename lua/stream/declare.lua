--- Remember how a stream is declared, and tell when it was declared in another way before.
-- @batch 16
-- @full refused      what it tells can wait
-- @item key declaration string
-- @item arg text     the declaration as people read it
-- @returns string|null the declaration before, if it was another one

local function item(declaration, text)
  local before = redis.pcall('GET', declaration)
  if before == text then
    return nil
  end
  if type(before) == 'table' then
    return before
  end
  redis.call('SET', declaration, text)
  return before or nil
end

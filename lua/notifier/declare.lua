--- Remember how a notifier is declared, and tell when it was declared in another way before.
-- @batch 16
-- @full refused      what it tells can wait
-- @item key declaration string
-- @item arg text     the declaration as people read it
-- @returns string|null the declaration before, if it was another one

-- A notifier that no process began for 30 days is forgotten.
local LASTS = 2592000000

local function item(declaration, text)
  local before = redis.pcall('GET', declaration)
  if type(before) == 'table' then
    return before
  end
  redis.call('SET', declaration, text, 'PX', LASTS)
  return before ~= text and before or nil
end

-- `fencing`: refuses writes with an old fence token, in two phases. The key is a string, the highest token that wrote under it. It expires 31
-- days after the last write.
--
-- Invariant: no write with a token follows one with a higher token, while the key exists.
--
-- - `fencing.prepare(key, token)` returns nothing when the write is allowed, the text "f highest" when it is refused, or an error.
-- - `fencing.apply(key, token)` stores the token. `token` is a number.
local fencing = { prepare = nil, apply = nil }

local STORED = '2678400000'

function fencing.prepare(key, token)
  local text = redis.pcall('GET', key)
  if not text then
    return nil
  end
  if type(text) == 'table' then
    return text
  end
  local highest = tonumber(text)
  if not highest or highest ~= highest or highest > 9007199254740991 then
    return { err = 'ERR ' .. key .. ' holds no fence token: delete it' }
  end
  if token < highest then
    return string.format('f %.0f', highest)
  end
end

function fencing.apply(key, token)
  redis.call('SET', key, string.format('%.0f', token), 'PX', STORED)
end

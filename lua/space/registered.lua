--- A page of what is registered.
-- @batch 4
-- @readonly
-- @include now
-- @include typed
-- @item key names    as register.lua
-- @item key seen     as register.lua
-- @item key options  as register.lua
-- @item arg after    bound of the first member, as ZRANGE BYLEX has it
-- @item arg to       bound of the last
-- @item arg limit    of members
-- @item arg lasts    milliseconds for which a member stays registered
-- @returns list      member, milliseconds since 1970 at which it was last registered (empty: too long ago), and its options, for each

local function item(names, seen, options, after, to, limit, lasts)
  local wrong = typed(names, 'zset') or typed(seen, 'zset') or typed(options, 'hash')
  if wrong then
    return wrong
  end
  local reply = {}
  local first = math.floor(now / 1000) - lasts
  for _, member in ipairs(redis.call('ZRANGE', names, after, to, 'BYLEX', 'LIMIT', 0, limit)) do
    local ms = tonumber(redis.call('ZSCORE', seen, member) or nil)
    reply[#reply + 1] = member
    reply[#reply + 1] = ms and ms >= first and string.format('%.0f', ms) or ''
    reply[#reply + 1] = redis.call('HGET', options, member) or ''
  end
  return reply
end

--- List a part of the members of a sorted set, or of the fields of a hash, for a comparison.
--
-- A member that is there during the whole scan is listed, some several times.
-- @batch 4
-- @readonly
-- @item key object   sorted set or hash
-- @item arg kind     z for a sorted set, h for a hash
-- @item arg cursor   0 at first
-- @returns list      the next cursor, 0 at the end; then members

local COUNT = 200

local function item(object, kind, cursor)
  local reply = kind == 'z' and redis.pcall('ZSCAN', object, cursor, 'COUNT', COUNT)
    or redis.pcall('HSCAN', object, cursor, 'COUNT', COUNT)
  if reply.err then
    return reply
  end
  local list = { reply[1] }
  for at = 1, #reply[2], 2 do
    list[#list + 1] = reply[2][at]
  end
  return list
end

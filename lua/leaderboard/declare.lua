--- Store the declaration of a board, unless it contradicts the stored one.
-- @batch 16
-- @full runs         reads wait for it; it takes a few hundred bytes for each board
-- @include typed
-- @item key declaration hash
-- @item arg fields   JSON: a list of alternating names and values, which may not change
-- @item arg rest     the settings that may change, as readable text
-- @item arg life     milliseconds after which unused keys of the board have expired; 0 for never
-- @returns list|null null when nothing differs; on a contradiction, without a write, the alternating names and stored values of the settings; else an empty name and the previous `rest`

local function item(declaration, fields, rest, life)
  local wrong = typed(declaration, 'hash')
  if wrong then
    return wrong
  end
  fields = cjson.decode(fields)
  local names = {}
  for at = 1, #fields, 2 do
    names[#names + 1] = fields[at]
  end
  local stored = redis.call('HMGET', declaration, unpack(names))
  local conflicts = {}
  for at, name in ipairs(names) do
    if stored[at] and stored[at] ~= fields[2 * at] then
      conflicts[#conflicts + 1] = name
      conflicts[#conflicts + 1] = stored[at]
    end
  end
  if #conflicts > 0 then
    return conflicts
  end
  local before = redis.call('HGET', declaration, '')
  local lives = redis.call('PTTL', declaration)
  redis.call('HSET', declaration, '', rest, unpack(fields))
  if tonumber(life) > 0 then
    -- A declaration without a TTL had an all-time window, whose scores stay.
    if lives ~= -1 then
      redis.call('PEXPIRE', declaration, math.max(lives, life))
    end
  elseif lives >= 0 then
    redis.call('PERSIST', declaration)
  end
  return before and before ~= rest and { '', before } or nil
end

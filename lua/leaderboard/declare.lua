--- Remember how a board is kept, unless that contradicts what is remembered.
-- @batch 16
-- @full runs         reads wait for it; a board has a few hundred bytes of it
-- @include typed
-- @item key declaration hash
-- @item arg fields   JSON: a list of names and values in turn, which may not change
-- @item arg rest     what may change, as people read it
-- @item arg life     milliseconds for which the board's keys may stay unused, 0 for ever
-- @returns list|null null when nothing is different; names and remembered values, in turn, of what contradicts, and then nothing was written; else an empty name and what `rest` was

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
    -- What has no TTL was declared with an all-time window, whose scores stay.
    if lives ~= -1 then
      redis.call('PEXPIRE', declaration, math.max(lives, life))
    end
  elseif lives >= 0 then
    redis.call('PERSIST', declaration)
  end
  return before and before ~= rest and { '', before } or nil
end

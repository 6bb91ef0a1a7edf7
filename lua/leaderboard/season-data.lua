--- Copy data of members into a season, at most 100 in a call. A later call continues where the last one ended.
-- @batch 1
-- @full refused      it stores data
-- @include typed
-- @item key seasons  hash: seasons by id, and under "data" and the id the position from which on data are to be copied, or "all"
-- @item key ranking  sorted set of the season
-- @item key data     hash of the members' data
-- @item key copy     hash: the data of the season
-- @item arg id       of the season
-- @returns integer   1 when more are to be copied, else 0

local STEP = 100

local function item(seasons, ranking, data, copy, id)
  local wrong = typed(seasons, 'hash') or typed(ranking, 'zset') or typed(data, 'hash') or typed(copy, 'hash')
  if wrong then
    return wrong
  end
  local field = 'data ' .. id
  local from = redis.call('HGET', seasons, field) or '0'
  if from == 'all' or redis.call('HEXISTS', seasons, id) == 0 then
    return 0
  end
  local members = {}
  if redis.call('EXISTS', data) == 1 then
    members = redis.call('ZRANGE', ranking, from, from + STEP - 1)
  end
  if #members == 0 then
    redis.call('HSET', seasons, field, 'all')
    return 0
  end
  local put = {}
  for at, text in ipairs(redis.call('HMGET', data, unpack(members))) do
    if text then
      put[#put + 1] = members[at]
      put[#put + 1] = text
    end
  end
  if #put > 0 then
    redis.call('HSET', copy, unpack(put))
    local life = redis.call('PTTL', ranking)
    if life > 0 then
      redis.call('PEXPIRE', copy, life)
    end
  end
  redis.call('HSET', seasons, field, from + #members)
  return 1
end

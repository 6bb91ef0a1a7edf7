--- Set or remove the time at which the all-time window and the members' data expire.
-- @batch 16
-- @full runs         it adds nothing
-- @include now
-- @shared keys keys  of the window and the data
-- @item arg time     milliseconds since 1970; 0 for never
-- @returns integer   1 when there was something to expire, else 0

local function item(time)
  local found = 0
  for _, key in ipairs(keys) do
    if redis.call('EXISTS', key) == 1 then
      found = 1
      if time == '0' then
        redis.call('PERSIST', key)
      else
        redis.call('PEXPIRE', key, math.max(0, math.ceil(time - now / 1000)))
      end
    end
  end
  return found
end

-- `typed(key, type)`: fails, before anything is written, when a key holds another type than it should.
local function typed(key, type)
  local is = redis.call('TYPE', key).ok
  if is ~= type and is ~= 'none' then
    error({ err = 'WRONGTYPE ' .. key .. ' is a ' .. is .. ', not a ' .. type })
  end
end

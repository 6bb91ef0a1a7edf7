-- `typed(key, type)`: the error if a key has another type than `type`, else nil. A script returns it before it writes
-- anything: a returned error means that nothing was done, a raised error leaves that open.
local function typed(key, type)
  local is = redis.call('TYPE', key).ok
  if is ~= type and is ~= 'none' then
    return { err = 'WRONGTYPE ' .. key .. ' is a ' .. is .. ', not a ' .. type }
  end
end

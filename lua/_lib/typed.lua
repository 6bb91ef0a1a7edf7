-- `typed(key, type)`: the error when a key holds another type than it should, else nothing. A script returns it before it
-- wrote anything: an error that is returned says that nothing was done, one that is raised leaves that open.
local function typed(key, type)
  local is = redis.call('TYPE', key).ok
  if is ~= type and is ~= 'none' then
    return { err = 'WRONGTYPE ' .. key .. ' is a ' .. is .. ', not a ' .. type }
  end
end

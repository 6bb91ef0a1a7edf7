--- Write a value with a fence token: refused when a later holder wrote.
--
-- Invariant: no write with a token follows one with a higher token. Token and value are written by one script.
-- @batch 64
-- @full refused      it stores a value
-- @include guard/fencing
-- @item key fence    string: the highest token
-- @item key value    string: the token, a space, and the value
-- @item arg token    of the caller's lease
-- @item arg text     the value
-- @item arg lasts    milliseconds until it expires
-- @returns string    "+", or "f" and the highest token

local function item(fence, value, token, text, lasts)
  token = tonumber(token)
  local refused = fencing.prepare(fence, token)
  if refused then
    return refused
  end
  local is = redis.call('TYPE', value).ok
  if is ~= 'string' and is ~= 'none' then
    return { err = 'WRONGTYPE ' .. value .. ' is a ' .. is .. ', not a string' }
  end
  fencing.apply(fence, token)
  redis.call('SET', value, string.format('%.0f ', token) .. text, 'PX', lasts)
  return '+'
end

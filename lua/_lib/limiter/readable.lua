-- `readable(keys, type_of, read, ...)`: calls a function that reads keys and writes nothing. Returns what it returns, or nil
-- and the error that the script is to return: one that is returned says that nothing was done. `type_of(at)` is the type
-- that a key should have.
-- @include typed
local function readable(keys, type_of, read, ...)
  local ok, result = pcall(read, ...)
  if ok then
    return result
  end
  for at, key in ipairs(keys) do
    local wrong = typed(key, type_of(at))
    if wrong then
      return nil, wrong
    end
  end
  local text = type(result) == 'table' and result.err or tostring(result)
  if not string.match(text, '^%u+ ') then
    text = "ERR the key '" .. keys[1] .. "', or one of its subject, cannot be read: " .. text
  end
  return nil, { err = text }
end

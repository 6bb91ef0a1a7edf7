-- `checked_read(keys, type_of, read, ...)`: calls `read`, which reads keys and writes nothing. Returns its result; or nil and
-- the error that the script must return (a returned error means that nothing was done). `type_of(at)` gives the type that a
-- key must have.
-- @include typed
local function checked_read(keys, type_of, read, ...)
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
    text = "ERR the key '" .. keys[1] .. "', or another key of its subject, cannot be read: " .. text
  end
  return nil, { err = text }
end

-- `denied(commands, key, asked)`: the error when the user may not run one of the commands, else nil. `asked` is a set of those that the
-- user may run. Keys need no question: Redis checked those when it took the call.

-- The arguments with which a command can be asked for, where `key 1 1 1 1` will not do.
local function allowed(command, key)
  if command == 'XGROUP' then
    return redis.acl_check_cmd(command, 'CREATE', key, '1', '1')
  elseif command == 'XINFO' then
    return redis.acl_check_cmd(command, 'STREAM', key, '1', '1')
  elseif command == 'EXISTS' or command == 'DEL' or command == 'UNLINK' then
    return redis.acl_check_cmd(command, key)
  end
  return redis.acl_check_cmd(command, key, '1', '1', '1', '1')
end

local function denied(commands, key, asked)
  for at = 1, #commands do
    local command = commands[at]
    if not asked[command] then
      if not allowed(command, key) then
        return { err = "NOPERM the user may not run '" .. string.lower(command) .. "'" }
      end
      asked[command] = true
    end
  end
end

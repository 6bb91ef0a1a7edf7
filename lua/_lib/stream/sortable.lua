-- `sortable(id)`: text that has the order of the ids.
local function sortable(id)
  local ms, number = string.match(id, '^(%d+)-(%d+)$')
  return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end

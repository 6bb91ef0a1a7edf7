--- Store data of a member, or delete them.
-- @batch 64
-- @full refused      it may add data; removing the member deletes them
-- @shared keys keys  hash of the members' data
-- @item arg member   member
-- @item arg data     JSON text; empty to delete
-- @returns integer   1

local function item(member, data)
  local done
  if data == '' then
    done = redis.pcall('HDEL', keys[1], member)
  else
    done = redis.pcall('HSET', keys[1], member, data)
  end
  return type(done) == 'table' and done or 1
end

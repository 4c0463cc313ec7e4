package config_test
import ("testing";"strings";"time";"gatehouse/config")
func TestProbe(t *testing.T){
 for _, s := range []string{"[","{a: ","&a ","!!a ", "a: \n", "x"}{
  for _, n := range []int{1000, 10000, 200000} {
  a:=time.Now(); _, err := config.Parse([]byte("a: "+strings.Repeat(s, n)), lookup()); e:=""; if err!=nil {e=err.Error()}; if len(e)>80 {e=e[:80]}; t.Log(s, n, time.Since(a), e)
 }}
}
